// Buttons that copy a name, or a secret that is shown once. Without the clipboard (a page that is not secure) the name can still be selected.
"use strict";

(() => {
  if (!navigator.clipboard) return;
  const said = document.querySelector("#copied");
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      const name = button.dataset.said ?? button.dataset.copy; // what is secret is not said again
      if (said) said.textContent = `Copied ${name.length > 80 ? `${name.slice(0, 80)}…` : name}`;
      button.classList.add("copied");
    });
  }
})();
