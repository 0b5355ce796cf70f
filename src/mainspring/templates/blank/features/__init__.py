"""What the data is. Describe each table here once, so that training and serving read the same definition.

def define(features):
    customers = features.group("customers", keys=["customer_id"], event_time="updated_at", online=True)
    ...
"""
