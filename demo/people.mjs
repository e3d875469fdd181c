// The people of Lindau-on-the-Weir, a town that does not exist: names, what they say of themselves, whom they know.
// Everything here is made up.

export const PEOPLE = [
  ['marta', 'Marta Lindqvist', 'Baker. Bread from five in the morning, opinions all day.'],
  ['jonas', 'Jonas Ferber', 'Ferryman. Both banks, every ten minutes, unless the river says no.'],
  ['aylin', 'Aylin Sander', 'Teaches the third form. Collects maps of places that are not there.'],
  ['piet', 'Piet van Oort', 'Bicycles mended while you wait. Bring time.'],
  ['greta', 'Greta Holm', 'Choir, Tuesdays. Altos wanted, as always.'],
  ['samir', 'Samir Haddad', 'Night nurse. Awake when you are not.'],
  ['wanda', 'Wanda Kerr', 'Allotment 14. Ask me about slugs.'],
  ['olek', 'Olek Brandt', 'Carpenter, beekeeper, late for everything.'],
  ['ines', 'Inês Moreira', 'Runs the small cinema. 61 seats, one projector, no popcorn.'],
  ['theo', 'Theo Winter', 'Fifteen. Chess, mostly.'],
  ['nadia', 'Nadia Orlova', 'Librarian. You still have my umbrella.'],
  ['carl', 'Carl Ostrander', 'Retired stationmaster. The 7:12 was never late.'],
  ['yuki', 'Yuki Arden', 'Paints signs, walls and, on Sundays, the weir.'],
  ['rosa', 'Rosa Delacroix', 'Vet. Your cat is fine.'],
  ['emil', 'Emil Sorensen', 'Brews in the old tannery. Nothing over five per cent.'],
  ['hana', 'Hana Novak', 'Town council, second term. Office hours on the bench by the pump.'],
  ['bruno', 'Bruno Falk', 'Volunteer fire brigade. We also get kites out of trees.'],
  ['lucia', 'Lucia Marsh', 'Watches birds, counts them, writes it down.'],
  ['tomas', 'Tomás Reiter', 'Organ builder. Pipes, bellows, patience.'],
  ['vera', 'Vera Quist', 'The weather, measured behind the school since 1998.'],
].map(([name, called, about]) => ({ name, called, about }));

/** Who reads whom: everybody a handful, so that every home is full. The first, as whom one signs in, reads nearly all: of the
 * others it hears by what is passed on, and has whom to find. */
export function follows() {
  const count = PEOPLE.length;
  const [first, ...others] = PEOPLE;
  const strangers = ['lucia', 'yuki', 'carl'];
  const pairs = others.filter(({ name }) => !strangers.includes(name)).map(({ name }) => [first.name, name]);
  for (const [at, { name }] of PEOPLE.entries()) {
    if (name === first.name) continue;
    for (const step of [1, 2, 3, 5, 8, 13]) pairs.push([name, PEOPLE[(at + step) % count].name]);
    if (at % 2 === 0) pairs.push([name, PEOPLE[(at + count - 1) % count].name]);
  }
  return pairs;
}

/** Who has whom among the contacts. */
export const contacts = PEOPLE.slice(1).map(({ name }, at) => [PEOPLE[at].name, name]);
