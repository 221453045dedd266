# By subject.
terraform import headwater_schema_subject.order_placed raw.checkout.order-placed-value
