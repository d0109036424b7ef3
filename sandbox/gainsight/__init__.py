"""A local Gainsight CS tenant: the REST API that integrations use, made strict from what the vendor documents."""
