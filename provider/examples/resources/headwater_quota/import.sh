# The entity as Kafka writes it; all limits found are taken over
terraform import headwater_quota.collect 'user=collect'
terraform import headwater_quota.backfill 'user=analytics,client-id=backfill'
terraform import headwater_quota.everyone 'user=<default>'
