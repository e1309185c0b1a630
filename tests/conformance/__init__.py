"""What every part of one kind must hold, tried on each of them: brokers, stores, connectors, and the services below them."""
