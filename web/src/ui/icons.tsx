/** The client's own icons: one stroke, drawn on a grid of 24. */

const SHAPES = {
  home: 'M4 11.5 12 4l8 7.5M6.5 10v9.5h11V10M10 19.5v-5h4v5',
  public:
    'M12 4.2a2.3 2.3 0 1 1 0 4.6 2.3 2.3 0 0 1 0-4.6ZM5.6 13a2.3 2.3 0 1 1 0 4.6 2.3 2.3 0 0 1 0-4.6Zm12.8 0a2.3 2.3 0 1 1 0 4.6 2.3 2.3 0 0 1 0-4.6ZM8.6 8.2a7 7 0 0 0-3 3.4m9.8-3.4a7 7 0 0 1 3 3.4M9 19.3a7.4 7.4 0 0 0 6 0',
  people:
    'M9 5a3.2 3.2 0 1 1 0 6.4A3.2 3.2 0 0 1 9 5ZM3 19c.4-3.3 2.8-5 6-5s5.6 1.7 6 5M15.5 5.400a3 3 0 0 1 0 5.700M17.3 14.400c2.2.6 3.5 2.2 3.7 4.6',
  person:
    'M12 4.500a3.7 3.7 0 1 1 0 7.4 3.7 3.7 0 0 1 0-7.400ZM4.8 20c.5-3.7 3.4-5.5 7.2-5.500s6.7 1.8 7.2 5.5',
  settings: 'M4 7h9m5 0h2M4 17h2m5 0h9M15.5 4.800v4.400M8.5 14.800v4.4',
  write:
    'M5 19l1-4.200L16.3 4.500a1.7 1.7 0 0 1 2.4 0l.8.8a1.7 1.7 0 0 1 0 2.400L9.2 18 5 19Zm9.5-12.7 3.2 3.2',
  more: 'M5.5 12h.01M12 12h.01M18.5 12h.01',
  back: 'M14.5 5.5 8 12l6.5 6.5',
  close: 'M6 6l12 12M18 6 6 18',
  check: 'M5 12.500l4.5 4.500L19 7.5',
  clock: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16Zm0 4v4.300l2.8 1.7',
  alert: 'M12 4.5 20.5 19h-17L12 4.500Zm0 5.500v4m0 2.500v.01',
  up: 'M12 19V5.500M6 11l6-6 6 6',
  open: 'M13.5 5H19v5.500M19 5l-8 8M10 6H6a1 1 0 0 0-1 1v11a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1v-4',
  link: 'M10 14a3.8 3.8 0 0 0 5.4 0l3-3A3.8 3.8 0 0 0 13 5.600l-1 1M14 10a3.8 3.8 0 0 0-5.4 0l-3 3A3.8 3.8 0 0 0 11 18.400l1-1',
  trash: 'M5 7h14M9.5 7V4.800h5V7M7 7l.8 12.200h8.400L17 7M10.3 10.500v5.500m3.4-5.500v5.5',
  eye: 'M3 12c2.2-4.2 5.2-6.2 9-6.200s6.8 2 9 6.200c-2.2 4.2-5.2 6.2-9 6.200S5.2 16.2 3 12Zm9-2.700a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.400Z',
  device: 'M5 5.500h14v10H5zM3 18.500h18',
} as const;

export type IconName = keyof typeof SHAPES;

/** Decoration only: whatever carries it has a text or a label of its own. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  );
}
