"""Tables: numbers and categories in named columns, as vectors that networks can learn."""
