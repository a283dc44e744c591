(function () {
  "use strict";
  function key(cell) {
    var text = cell.textContent.trim().replace(/\u2212/g, "-");
    var found = /^[<~]?\s*(-?[\d,]*\.?\d+)/.exec(text);
    return found ? parseFloat(found[1].replace(/,/g, "")) : text === "\u2013" || !text ? null : text.toLowerCase();
  }
  function compare(a, b) {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  function sort(table, column, heading) {
    var down = heading.getAttribute("aria-sort") === "ascending";
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (a, b) {
      var x = key(a.cells[column]), y = key(b.cells[column]);
      return x === null || y === null || !down ? compare(x, y) : -compare(x, y);
    });
    rows.forEach(function (row) { body.appendChild(row); });
    table.querySelectorAll("th[aria-sort]").forEach(function (th) { th.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  }
  document.querySelectorAll("table.sortable").forEach(function (table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (heading, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.textContent = "";
      heading.appendChild(button);
      button.addEventListener("click", function () { sort(table, column, heading); });
    });
  });
  function open() {
    var place = location.hash && document.getElementById(location.hash.slice(1));
    for (var above = place; above; above = above.parentElement) {
      if (above.tagName === "DETAILS") above.open = true;
    }
    if (place) place.querySelectorAll("details.table").forEach(function (d) { d.open = true; });
    if (place) place.scrollIntoView();
  }
  window.addEventListener("hashchange", open);
  if (location.hash) open();
})();
