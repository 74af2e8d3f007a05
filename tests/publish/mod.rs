//! Releases for the public: what is withheld, what an attacker derives, and what later releases may show.

mod attacks;
mod audit;
mod between;
mod by_hand;
mod coarser;
mod coarser_movement;
mod coarser_present;
mod faults;
mod history;
mod movement;
mod nights;
mod present;
mod residents;
mod store;
mod world;
