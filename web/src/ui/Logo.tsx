/** The sign of the folkmoot: people in a circle, seen from above, one of them speaking. */

const SEATS = 7;
const RADIUS = 22;

function seats(): { angle: number; x: number; y: number }[] {
  return Array.from({ length: SEATS }, (_, index) => {
    const angle = (index / SEATS) * 360;
    const radians = ((angle - 90) * Math.PI) / 180;
    return { angle, x: 32 + RADIUS * Math.cos(radians), y: 32 + RADIUS * Math.sin(radians) };
  });
}

/** Decoration only; the name stands beside it. */
export function Logo({ size }: { size: number }) {
  return (
    <svg class="logo" width={size} height={size} viewBox="0 0 64 64" aria-hidden="true">
      {seats().map(({ angle, x, y }, index) => (
        <g
          key={angle}
          class={index === 1 ? 'speaker' : undefined}
          transform={`translate(${x.toFixed(2)} ${y.toFixed(2)}) rotate(${angle})`}
        >
          <ellipse class="shoulders" rx="9.2" ry="6.2" />
          <circle class="head" cy="-0.3" r="3.7" />
        </g>
      ))}
    </svg>
  );
}
