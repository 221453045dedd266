# As Kafka writes it, or in the form of RFC 4122.
terraform import headwater_uuid.cluster 4L6g3nShT-eMCtK--X86sw
