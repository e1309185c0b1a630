"""A transfer's way in the order it happens: intake, dispatch, delivery, receipts. Use cases are plain functions."""
