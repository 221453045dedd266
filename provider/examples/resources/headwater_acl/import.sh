# principal|host|permission_type|resource_type|pattern_type|resource_name; all operations found are taken over
terraform import headwater_acl.refine_reads_orders 'User:refine|*|ALLOW|TOPIC|LITERAL|raw.checkout.order-placed'
