/** Line drawings on a grid of 24, drawn in the colour of the text; a picture beside a word says nothing by itself. */
const PATHS = {
  trunk: 'M4 8h16M4 16h16M9 5v6M15 13v6',
  calls: 'M6.5 4h3l1.5 4-2 1.5a11 11 0 0 0 5.5 5.5l1.5-2 4 1.5v3a2 2 0 0 1-2 2A16 16 0 0 1 4.5 6a2 2 0 0 1 2-2z',
  phone: 'M7 3h10v18H7zM11 18h2',
  users:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5a6.5 6.5 0 0 1 3.5 5.5',
  key: 'M14.5 9.5a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0zM13.5 12.5 20 19M17 16l2-2',
  person: 'M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 16 0',
  leave: 'M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9',
  menu: 'M4 7h16M4 12h16M4 17h16',
  close: 'M6 6l12 12M18 6 6 18',
  plus: 'M12 5v14M5 12h14',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.5 4.5',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8v.01',
  warn: 'M12 4 2.5 20h19zM12 10v4M12 17v.01',
  good: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8 12.5l2.5 2.5L16 9.5',
  events: 'M4 12h3l3-7 4 14 3-7h3',
  explain: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 17v.01',
  plan: 'M5 4h9l5 5v11H5zM14 4v5h5M8 14h8M8 17h5',
  download: 'M12 4v11M7.5 11 12 15.5 16.5 11M5 20h14',
  health: 'M12 20s-7.5-4.6-7.5-10A4.2 4.2 0 0 1 12 7.5a4.2 4.2 0 0 1 7.5 2.5c0 5.4-7.5 10-7.5 10z',
  charts: 'M4 20V4M4 20h16M8 16v-5M12.5 16V7M17 16v-8',
  records: 'M4 5h16M4 12h16M4 19h10',
  tenant: 'M5 20V5l8-2v17M13 9h6v11M3 20h18M8 8h2M8 12h2M8 16h2M16 13v.01M16 16v.01',
  ring: 'M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 21h4',
  out: 'M5 19 19 5M10 5h9v9',
  in: 'M19 5 5 19M5 10v9h9',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
