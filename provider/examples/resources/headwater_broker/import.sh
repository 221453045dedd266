terraform import headwater_broker.seven 7
