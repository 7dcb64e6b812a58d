// Search while one types: what Pagefind finds, section by section, the best places of a page first.
const ROOT = new URL("../", import.meta.url);
const PLACES = 3, EACH = 250; // of one page; milliseconds between a key and the search

const opened = import(new URL("pagefind/pagefind.js", ROOT)).then(async (pagefind) => {
  await pagefind.options({excerptLength: 18});
  await pagefind.init();
  return pagefind;
});
const known = fetch(new URL("pagefind/words.json", ROOT)).then((answer) => answer.json());

const address = (path) => new URL(path.slice(1).replace(/(^|\/)$/, "$1index.html"), ROOT);
const bare = (text) => text.toLowerCase().normalize("NFC").replace(/[^\p{L}\p{N}\s]/gu, "");

/** How many letters are to be changed, put in, left out or exchanged with their neighbour to make one word another. */
function distance(one, other) {
  const rows = [[...Array(other.length + 1).keys()]];
  for (let i = 1; i <= one.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= other.length; j++) {
      rows[i][j] = Math.min(
        rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (one[i - 1] !== other[j - 1]));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[one.length][other.length];
}

/** A query whose words all occur in headings of the book; null where none is near. */
async function mended(query) {
  const words = await known;
  const near = (word) => {
    if (word.length < 4 || words.some((other) => other.startsWith(word))) return word;
    const most = word.length < 8 ? 1 : 2;
    const far = words.map((other) => Math.abs(other.length - word.length) > most ? 9 : distance(word, other));
    const least = Math.min(...far);
    return least <= most ? words[far.indexOf(least)] : word;
  };
  const other = query.toLowerCase().split(/\s+/).map(near).join(" ");
  return other === query.toLowerCase() ? null : other;
}

/** The places found: [address, section, page, words around it]; and whether the words themselves occur. */
async function find(query, pages) {
  const {results} = await (await opened).search(query);
  const data = await Promise.all(results.slice(0, pages).map((result) => result.data()));
  const worded = (title) => bare(title.replace(/^\d+\. /, ""));
  const titled = (page) => 2 * worded(page.meta.title).startsWith(bare(query))
    + (query.includes("_") && page.sub_results.some((place) => place.title === query)); // an entry of the API
  data.sort((one, other) => titled(other) - titled(one));
  const places = data.flatMap((page) => {
    const named = (place) => bare(place.title).startsWith(bare(query)) ? 1e6 : 0;
    const last = (place) => /^[\d. ]*(Exercises|Summary|Further reading)$/.test(place.title) ? 0.3 : 1;
    const worth = (place) => last(place)
      * place.weighted_locations.reduce((sum, word) => sum + word.balanced_score, named(place));
    const best = page.sub_results.sort((one, other) => worth(other) - worth(one));
    return best.slice(0, results.length > 1 ? PLACES : 4 * PLACES).map((place) => ({
      href: address(page.raw_url) + (place.anchor ? `#${place.anchor.id}` : ""),
      title: place.title.replace(/#$/, ""), page: page.meta.title, excerpt: place.excerpt,
    }));
  });
  const marked = places.flatMap((place) => [...place.excerpt.matchAll(/<mark>(.*?)<\/mark>/g)].map((word) => bare(word[1])));
  // Where a word is nowhere, Pagefind finds what begins as it does. Endings may differ.
  const start = (word) => word.slice(0, Math.min(5, Math.max(3, word.length - 2)));
  const there = bare(query).split(/\s+/).map((word) => marked.some((other) => other.startsWith(start(word))));
  if (!there.some(Boolean)) return {places: [], whole: false, total: 0};
  return {places, whole: there.every(Boolean), total: results.length};
}

function element(tag, content, more = {}) {
  const made = Object.assign(document.createElement(tag), more);
  made.append(...[content].flat());
  return made;
}

function item({href, title, page, excerpt}) {
  const link = element("a", [element("strong", title)], {href});
  if (page !== title) link.append(element("span", page));
  const words = document.createElement("p");
  words.innerHTML = excerpt;
  return element("li", [link, words]);
}

/** Show below a search field, or in `box`, what is found for its words. */
export function attach(form, box, pages) {
  const input = form.querySelector("input"), status = element("p", "", {role: "status"}), list = element("ol", "");
  const dialog = form.closest("dialog");
  if (!box) form.after(box = element("div", ""));
  box.className = "search-found";
  box.append(status, list);
  let asked, timer;

  async function run() {
    const query = input.value.trim();
    if (query === asked) return;
    asked = query;
    let found = query ? await find(query, pages) : {places: [], whole: true, total: 0};
    let said = `${found.total} ${found.total === 1 ? "page" : "pages"}`;
    const other = found.whole ? null : await mended(query);
    if (other) {
      found = await find(other, pages);
      said = `Nothing has “${query}”. Shown is what has “${other}”.`;
    }
    if (query !== asked) return; // more was typed meanwhile
    list.replaceChildren(...found.places.map(item));
    status.textContent = !query ? "" : found.total ? said : `Nothing has “${query}”.`;
    if (dialog && found.total > pages) {
      const all = element("a", "All pages", {href: `${form.action}?q=${encodeURIComponent(other ?? query)}`});
      list.append(element("li", all, {className: "all"}));
    }
    box.dataset.query = query;
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(run, EACH);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await run();
    if (dialog) list.querySelector("a")?.click();
    else history.replaceState(null, "", `?q=${encodeURIComponent(asked)}`);
  });
  (dialog ?? box.parentElement).addEventListener("keydown", (event) => {
    if (event.key === "Escape" && dialog) { // which would empty the field first
      event.preventDefault();
      dialog.close();
    }
    const way = {ArrowDown: 1, ArrowUp: -1}[event.key];
    const stops = [input, ...list.querySelectorAll("a")], next = stops[stops.indexOf(document.activeElement) + way];
    if (way && stops.includes(document.activeElement) && next) {
      event.preventDefault();
      next.focus();
    }
  });
  list.addEventListener("click", (event) => event.target.closest("a") && dialog?.close());
  run();
}
