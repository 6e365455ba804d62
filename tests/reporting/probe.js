// What the page does in a browser, told as JSON in an element of its own; see test_page.py.
const faults = [];
addEventListener("error", (event) => faults.push(String(event.message || event.target.src)), true);
document.addEventListener("securitypolicyviolation", (event) => faults.push(event.blockedURI));
const wait = async (done) => { for (let i = 0; i < 100 && !done(); i++) await new Promise((go) => setTimeout(go, 50)); };
addEventListener("load", async () => {
  const sounds = [...document.querySelectorAll("audio")];
  await wait(() => sounds.every((sound) => sound.readyState >= 2));
  const ready = sounds.map((sound) => sound.readyState);
  const box = [...document.querySelectorAll(".table")].at(-1),
    column = [...box.querySelectorAll("th[aria-sort]")].findIndex((head) => head.classList.contains("number"));
  const values = () => [...box.querySelectorAll("tbody tr")].map((row) => Number(row.cells[column].dataset.sort));
  const click = () => { box.querySelectorAll("th[aria-sort]")[column].querySelector("button").click(); return values(); };
  const falling = click(), rising = click(), search = box.querySelector("input");
  search.value = "nothing like it"; search.dispatchEvent(new Event("input"));
  const left = [...box.querySelectorAll("tbody tr")].filter((row) => !row.hidden).length;
  const card = document.querySelector(".card"); card.focus();
  card.dispatchEvent(new KeyboardEvent("keydown", { key: "3", bubbles: true }));
  const chosen = [...card.querySelectorAll("[role=radio]")].map((radio) => radio.ariaChecked);
  const report = { faults, ready, lengths: sounds.map((sound) => sound.duration), falling, rising, left, chosen,
    wide: document.documentElement.scrollWidth - innerWidth };
  document.title = "done"; const told = document.createElement("output"); told.id = "told"; told.textContent = JSON.stringify(report); document.body.append(told);
});
