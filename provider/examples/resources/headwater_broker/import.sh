terraform import headwater_broker.four 4
