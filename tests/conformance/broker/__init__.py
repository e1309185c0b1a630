"""One suite that every broker must pass, and what only RabbitMQ can get into."""
