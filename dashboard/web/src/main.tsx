/** The beginning: styles, theme, and the application in its place. */
import { render } from "preact";
import { App } from "./app";
import { followLinks } from "./state/router";
import { applyTheme } from "./state/theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/figures.css";
import "./styles/tables.css";
import "./styles/panels.css";
import "./styles/forms.css";
import "./styles/print.css";

applyTheme();
document.addEventListener("click", followLinks);
const place = document.getElementById("app");
if (place) render(<App />, place);
