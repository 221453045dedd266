# By subject.
terraform import headwater_schema_subject_config.order_placed raw.checkout.order-placed-value
