/** The picture on the first page: a circle of people of all colours, one of them speaking. */

const PEOPLE = 13;
const SPEAKER = 2;

export function Circle() {
  const people = Array.from({ length: PEOPLE }, (_, index) => {
    const angle = (index / PEOPLE) * 360;
    const radians = ((angle - 90) * Math.PI) / 180;
    // Nobody stands exactly on the line.
    const radius = 148 + ((index * 37) % 13) - 6;
    return {
      index,
      angle,
      x: 200 + radius * Math.cos(radians),
      y: 200 + radius * Math.sin(radians),
      hue: Math.round((index * 137.5) % 360),
      scale: 0.92 + ((index * 29) % 17) / 100,
    };
  });
  return (
    <svg class="circle" viewBox="0 0 400 400" aria-hidden="true">
      <circle class="green" cx="200" cy="200" r="112" />
      <circle class="ripple" cx="200" cy="200" r="40" />
      <circle class="ripple second" cx="200" cy="200" r="76" />
      {people.map(({ index, angle, x, y, hue, scale }) => (
        <g
          key={index}
          class={index === SPEAKER ? 'folk speaker' : 'folk'}
          style={{ '--hue': String(hue), '--order': String(index) }}
          transform={`translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${angle.toFixed(1)}) scale(${scale})`}
        >
          <ellipse class="shoulders" rx="31" ry="18" />
          <ellipse class="arm" cx="-19" cy="11" rx="7" ry="12" />
          <ellipse class="arm" cx="19" cy="11" rx="7" ry="12" />
          <circle class="head" r="13" />
        </g>
      ))}
    </svg>
  );
}
