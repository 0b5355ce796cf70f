"""The chapters as they are told: what is lived is in `chapters`, what is shown of it is here."""
