# By type, from the catalogue topic headwater.catalogue.
terraform import headwater_catalogue_entry.order_placed checkout.order_placed

# By catalogue topic and type.
terraform import headwater_catalogue_entry.order_placed other.catalogue/checkout.order_placed
