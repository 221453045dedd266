# role|principal, or role|principal|host when it is not any: takes in all ACLs of the principal that fit the role
terraform import headwater_access.refine 'processor|User:refine'
