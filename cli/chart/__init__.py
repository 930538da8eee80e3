"""What the Helm chart is generated from: its values as models, with the services' own settings among them."""
