//! How the world reaches Postern: the composition root.

mod assets;

use app::{App, Site, shell};
use axum::{Router, routing::get};
use leptos::prelude::LeptosOptions;
use leptos_axum::{LeptosRoutes, generate_route_list};
use std::{env, error::Error};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = LeptosOptions::builder()
        .output_name(assets::output_name().unwrap_or("postern"))
        .site_pkg_dir(assets::FOLDER)
        .hash_files(false)
        .build();
    let site = Site {
        options: options.clone(),
        stylesheet: assets::path("main.css"),
        icon: assets::path("icon.svg"),
        hydrates: assets::output_name().is_some(),
    };
    let router = Router::new()
        .leptos_routes(&options, generate_route_list(App), move || {
            shell(site.clone())
        })
        .route("/pkg/{file}", get(assets::serve))
        .with_state(options);
    let listen = env::args()
        .skip_while(|argument| argument != "--listen")
        .nth(1);
    let listener = TcpListener::bind(listen.as_deref().unwrap_or("127.0.0.1:3000")).await?;
    println!("http://{}/", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}
