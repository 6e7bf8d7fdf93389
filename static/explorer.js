// The table of variants: rows of transcripts open and close; on wide screens the filters are open.
"use strict";

for (const filters of document.querySelectorAll("details[data-open-wide]")) {
  if (matchMedia("(min-width: 64rem)").matches) filters.open = true;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.expand");
  if (!button) return;
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  for (const row of button.closest("tbody").querySelectorAll("tr.detail")) row.hidden = isOpen;
});
