// The table of variants: rows of transcripts open and close; pasted lists are tidied; on wide screens filters are open.
"use strict";

for (const filters of document.querySelectorAll("details[data-open-wide]")) {
  if (matchMedia("(min-width: 64rem)").matches) filters.open = true;
}

// A pasted list becomes part of the address, which has an end: one blank between names, none twice. What is empty
// stays out of the address, which people send to each other.
document.addEventListener("submit", (event) => {
  for (const field of event.target.querySelectorAll("[data-words]")) {
    const words = new Set(field.value.split(/[\s,;]+/).filter(Boolean));
    field.value = [...words].slice(0, Number(field.dataset.words) + 1).join(" ");
  }
  if (event.target.method !== "get") return;
  for (const field of event.target.elements) field.disabled = field.name !== "" && field.value === "";
});

addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form[method=get] :disabled")) field.disabled = false;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.expand");
  if (!button) return;
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  for (const row of button.closest("tbody").querySelectorAll("tr.detail")) row.hidden = isOpen;
});
