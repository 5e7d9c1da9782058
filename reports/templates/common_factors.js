
// One scope at a time; without this script all of them stand below each other.
const picker = document.getElementById("scope");
const scopes = [...document.querySelectorAll(".scope")];
const showScope = (key) => {
  for (const part of scopes) part.hidden = part.dataset.scope !== key;
  const shown = scopes.find((part) => !part.hidden);
  for (const link of document.querySelectorAll("a[data-section]")) {
    link.href = `#${shown.querySelector(`[data-key="${link.dataset.section}"] h3`).id}`;
  }
};
picker.addEventListener("change", () => showScope(picker.value));
picker.form.hidden = false;
const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
if (wanted && wanted.closest(".scope")) picker.value = wanted.closest(".scope").dataset.scope;
showScope(picker.value);
if (wanted) wanted.scrollIntoView();

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const text = button.parentElement.querySelector("pre");
    const range = document.createRange();
    range.selectNodeContents(text);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    // A page opened from a folder may not write to the clipboard; then the text stays selected.
    navigator.clipboard?.writeText(text.textContent).then(() => { button.textContent = "Copied"; }, () => { button.textContent = "Selected"; });
  });
}
