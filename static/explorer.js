// The table of variants: rows of transcripts open and close; pasted lists are tidied; on wide screens filters are open.
"use strict";

for (const filters of document.querySelectorAll("details[data-open-wide]")) {
  if (matchMedia("(min-width: 64rem)").matches) filters.open = true;
}

// A pasted list becomes part of the address, which has an end: one blank between names, none twice.
document.addEventListener("submit", (event) => {
  for (const field of event.target.querySelectorAll("[data-words]")) {
    const words = new Set(field.value.split(/[\s,;]+/).filter(Boolean));
    field.value = [...words].slice(0, Number(field.dataset.words) + 1).join(" ");
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.expand");
  if (!button) return;
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  for (const row of button.closest("tbody").querySelectorAll("tr.detail")) row.hidden = isOpen;
});
