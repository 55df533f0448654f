DETACH warehouse
