"""How release notes get from dispatch to delivery: the RabbitMQ and the embedded broker, and the envelope of a note."""
