//! What people see: Leptos pages and islands, server functions of a few lines.
