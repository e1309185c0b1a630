"""Private services for tests: a PostgreSQL server and a RabbitMQ node of this run's own, on free ports, gone at its end.

Not a way to run a hub: nothing here keeps data, and the services are stopped with the process that asked for them,
however that process ends.
"""

from tests.services.folder import ServiceFolder, ServiceUnavailable, free_port
from tests.services.postgres import Postgres
from tests.services.rabbitmq import RabbitMQ

__all__ = ["Postgres", "RabbitMQ", "ServiceFolder", "ServiceUnavailable", "free_port"]
