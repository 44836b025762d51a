//! The logo of Postern and the icons of the navigation.

use crate::server_prelude::*;

/// Logo and name, linked to the first page.
#[component]
pub fn Brand() -> impl IntoView {
    view! {
        <a class="brand" href="/">
            <svg
                width="28"
                height="28"
                viewBox="0 0 32 32"
                fill="currentColor"
                fill-rule="evenodd"
                aria-hidden="true"
            >
                <path d="M3 30V15a13 13 0 0 1 26 0v15zM11 30h10.5v-9.25a5.25 5.25 0 0 0-10.5 0z" />
                <path d="M12.75 30v-9.25L17.5 18v12z" />
            </svg>
            "Postern"
        </a>
    }
}

/// The icons of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IconKind {
    House,
    Envelope,
    Signpost,
    Globe,
    Tray,
    Bars,
    Plane,
    People,
    Person,
    Bell,
    Plug,
    Ledger,
    Key,
    Leave,
}

impl IconKind {
    const fn path(self) -> &'static str {
        match self {
            Self::House => "M3 9l7-6 7 6v7.25a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1zM8 17.25v-5h4v5",
            Self::Envelope => {
                "M2.75 5.25a1 1 0 0 1 1-1h12.5a1 1 0 0 1 1 1v9.5a1 1 0 0 1-1 1H3.75a1 1 0 0 1-1-1zM3 5.5l7 5.25 7-5.25"
            }
            Self::Signpost => {
                "M10 2.5v15M4 4.25h8.5l2.75 2.25-2.75 2.25H4zM16 10.25H8.5L5.75 12.5l2.75 2.25H16z"
            }
            Self::Globe => {
                "M10 17.25a7.25 7.25 0 1 0 0-14.5 7.25 7.25 0 0 0 0 14.5zM2.75 10h14.5M10 2.75c2.5 2 3.5 4.5 3.5 7.25s-1 5.25-3.5 7.25c-2.5-2-3.5-4.5-3.5-7.25s1-5.25 3.5-7.25"
            }
            Self::Tray => {
                "M2.75 12.25v3.5a1 1 0 0 0 1 1h12.5a1 1 0 0 0 1-1v-3.5h-4.25l-1 2h-4l-1-2zM10 9.75V2.75M7 5.5l3-3 3 3"
            }
            Self::Bars => "M2.75 16.75h14.5M5 13.75V9M10 13.75V3.5M15 13.75V6.25",
            Self::Plane => "M17.25 2.75L2.75 8l5.75 3.5L12 17.25zM17.25 2.75L8.5 11.5",
            Self::People => {
                "M7.25 9.25a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5zM2 16.25a5.25 5.25 0 0 1 10.5 0M12.75 4a2.75 2.75 0 0 1 0 5.1M15 11.9a5.25 5.25 0 0 1 3 4.35"
            }
            Self::Person => {
                "M10 9.75a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5zM3.75 17a6.25 6.25 0 0 1 12.5 0"
            }
            Self::Bell => "M5 13.75V9a5 5 0 0 1 10 0v4.75l1.25 1.5H3.75zM8.25 17.5h3.5M10 4V2.5",
            Self::Plug => {
                "M7 2.75v4M13 2.75v4M4.75 6.75h10.5v2.5a5.25 5.25 0 0 1-10.5 0zM10 14.5v3"
            }
            Self::Ledger => {
                "M4 3.25h10.5a1.5 1.5 0 0 1 1.5 1.5v10.5a1.5 1.5 0 0 1-1.5 1.5H4zM7 3.25v13.5M9.75 7.25h3.5M9.75 10.25h3.5"
            }
            Self::Key => {
                "M12.75 11.25a4.25 4.25 0 1 0-4-2.75L2.75 14.5v2.75H5.5v-2h2v-2h2l1-1M13.5 6.5v.01"
            }
            Self::Leave => {
                "M8 3.25H4.75a1 1 0 0 0-1 1v11.5a1 1 0 0 0 1 1H8M12.75 13.5l3.5-3.5-3.5-3.5M16.25 10H8"
            }
        }
    }
}

/// An icon beside a text with the same meaning.
#[component]
pub fn Icon(icon: IconKind) -> impl IntoView {
    view! {
        <svg
            width="20"
            height="20"
            viewBox="0 0 20 20"
            fill="none"
            stroke="currentColor"
            stroke-width="1.5"
            stroke-linecap="round"
            stroke-linejoin="round"
            aria-hidden="true"
        >
            <path d=icon.path() />
        </svg>
    }
}
