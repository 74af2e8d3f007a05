// The colour theme: that of the system until the reader selects one. This is not a module, so that
// it runs before the first paint.
(() => {
  const KEY = "mobility-theme";
  const root = document.documentElement;
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage can be disabled
    }
  };
  const selected = stored();
  if (selected === "light" || selected === "dark") root.dataset.theme = selected;

  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const update = () => {
      button.setAttribute("aria-label", isDark() ? "Use the light theme" : "Use the dark theme");
      dispatchEvent(new Event("themechange"));
    };
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem(KEY, root.dataset.theme);
      } catch {
        // the selection is then valid for this page only
      }
      update();
    });
    system.addEventListener("change", update);
    update();
  });
})();
