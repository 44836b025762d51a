//! The prelude of views that only the server renders: it erases the types of children.
//!
//! The type of a view holds the types of all views in it, and leptos compiles the functions that render it for
//! each of them: without this, most of the code of the program, and stacks of a megabyte. Islands are compiled for
//! the browser too, where a typed view takes fewer octets, and use the prelude of leptos. The HTML is the same.

use leptos::html::HtmlElement;
pub use leptos::prelude::*;
use leptos::prelude::{ElementChild as TypedChild, IntoRender};

/// Takes the place of the trait of leptos with this name, whose method `view!` calls for the children of an element.
pub trait ElementChild<Child> {
    /// The element with its children.
    type Output;

    /// Adds its children to an element.
    fn child(self, child: Child) -> Self::Output;
}

impl<Element, Attributes, Child> ElementChild<Child> for HtmlElement<Element, Attributes, ()>
where
    Self: TypedChild<AnyView>,
    Child: IntoRender,
    Child::Output: IntoAny,
{
    type Output = <Self as TypedChild<AnyView>>::Output;

    fn child(self, child: Child) -> Self::Output {
        TypedChild::child(self, child.into_render().into_any())
    }
}
