// What the keyboard needs on every page: menus that Escape closes, and a focus that is where it was after going back.
"use strict";

const openMenus = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
});

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  const row = event.target.closest("a.cover, a.place");
  if (row) history.replaceState({ left: row.getAttribute("href") }, "");
});

for (const row of history.state?.left ? document.querySelectorAll("a.cover, a.place") : []) {
  if (row.getAttribute("href") === history.state.left) row.focus({ preventScroll: true });
}
