"""What flows between the stages: frozen values, validated once at birth."""
