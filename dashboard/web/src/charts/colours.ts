/** The colours of the page as ECharts wants them. */

export interface Colours {
  ink: string;
  soft: string;
  rule: string;
  raise: string;
  series: string[];
}

export function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: of("ink"),
    soft: of("soft"),
    rule: of("rule"),
    raise: of("raise"),
    series: Array.from({ length: 8 }, (_, index) => of(`series-${index + 1}`)),
  };
}
