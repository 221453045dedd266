terraform import headwater_topic.order_placed raw.checkout.order-placed
