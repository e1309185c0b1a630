"""The tests of the hub, in folders by what they need: nothing, a store, services, a browser."""
