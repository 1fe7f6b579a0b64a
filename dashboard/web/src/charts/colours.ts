/** The colours of the page as ECharts wants them. */

export interface Colours {
  ink: string;
  soft: string;
  rule: string;
  raise: string;
  series: string[];
}

export function colours(): Colours {
  // A custom property is told as it is written, light and dark together; a real one as it came out.
  const probe = document.body.appendChild(document.createElement("i"));
  const of = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const found = {
    ink: of("ink"),
    soft: of("soft"),
    rule: of("rule"),
    raise: of("raise"),
    series: Array.from({ length: 8 }, (_, index) => of(`series-${index + 1}`)),
  };
  probe.remove();
  return found;
}
