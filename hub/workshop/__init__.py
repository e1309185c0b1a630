"""Where mappings are made: suggested, proved, compared with what really passed, approved and put into force.

Translation (`hub.translation`) runs a mapping; nothing here is needed to carry a record.
"""
