// Comfort only: every page works without this file.
"use strict";
// A row of a list opens its first link, unless something else in it was clicked or text is being marked.
document.addEventListener("click", (event) => {
  const row = event.target.closest("table.list tbody tr");
  const link = row && row.querySelector("a.row-link");
  if (!link || event.target.closest("a, summary, details, button, input") || String(window.getSelection())) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else window.location.assign(link.href);
});
// On paper, everything that is folded is shown.
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
