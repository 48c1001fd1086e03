"use strict";
// Draws the views of one replayed series: what was measured, what was told, how unusual it was. Everything shown comes from
// the data block of this page; text from it is never taken as markup.
(() => {
  const story = JSON.parse(document.getElementById("story").textContent);
  const HEIGHTS = { values: 340, told: 220, score: 180 };
  const NARROW = 640, LEFT = 72, DASH = [5, 4];
  const MINUTE = 60, HOUR = 3600, DAY = 86400;
  const STEPS = [1, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY, 90 * DAY, 180 * DAY, 365 * DAY];
  const GAP = 1;
  const stepped = uPlot.paths.stepped({ align: 1 });
  let now = 0, plots = [];

  const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const iso = t => new Date(t * 1000).toISOString();
  const full = t => t == null ? "-" : iso(t).slice(0, 19).replace("T", " ");

  // Prefixes as in the table below the pictures: four digits, k, M, G from ten thousand on.
  function number(x) {
    if (x == null) return "-";
    const power = Math.abs(x) < 1e4 ? 0 : Math.min(Math.floor(Math.log10(Math.abs(x)) / 3), 6);
    return Number((x / 1000 ** power).toPrecision(4)) + ["", "k", "M", "G", "T", "P", "E"][power];
  }

  // Each label says the day where it is another one than that of the label before.
  function times(splits) {
    let day = "";
    const whole = splits.every(t => t % DAY === 0);
    const year = splits.length > 1 && iso(splits[0]).slice(0, 4) !== iso(splits[splits.length - 1]).slice(0, 4);
    return splits.map(t => {
      const text = iso(t), date = year ? text.slice(0, 10) : text.slice(5, 10), first = text.slice(0, 10) !== day;
      day = text.slice(0, 10);
      return whole ? date : first ? text.slice(11, t % MINUTE ? 19 : 16) + "\n" + date : text.slice(11, t % MINUTE ? 19 : 16);
    });
  }

  const timeAxis = width => ({
    stroke: colour("ink"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid") }, incrs: STEPS,
    space: width < NARROW ? 64 : 90, size: 46, values: (u, splits) => times(splits),
  });
  const numberAxis = () => ({
    stroke: colour("ink"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid") }, size: LEFT,
    values: (u, splits) => splits.map(number),
  });
  const line = (label, stroke, more) => ({ label, stroke, width: 1, points: { show: false }, value: (u, v) => number(v), ...more });
  const clock = { label: "time (UTC)", value: (u, t) => full(t) };

  function shade(u, from, to, fill) {
    const a = Math.max(u.valToPos(from, "x", true), u.bbox.left), b = Math.min(u.valToPos(to, "x", true), u.bbox.left + u.bbox.width);
    if (b <= a) return;
    u.ctx.fillStyle = fill;
    u.ctx.fillRect(a, u.bbox.top, Math.max(b - a, 1), u.bbox.height);
  }

  function hatch(u, from, to, stroke) {
    const { ctx, bbox } = u, a = Math.max(u.valToPos(from, "x", true), bbox.left);
    const b = Math.min(u.valToPos(to, "x", true), bbox.left + bbox.width), apart = 7 * devicePixelRatio;
    if (b <= a) return;
    ctx.save();
    ctx.beginPath();
    ctx.rect(a, bbox.top, Math.max(b - a, 1), bbox.height);
    ctx.clip();
    ctx.strokeStyle = stroke;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (let x = a - bbox.height; x < b; x += apart) { ctx.moveTo(x, bbox.top + bbox.height); ctx.lineTo(x + bbox.height, bbox.top); }
    ctx.stroke();
    ctx.restore();
  }

  function upright(u, t, stroke, width, dash) {
    const x = u.valToPos(t, "x", true);
    if (x < u.bbox.left - 1 || x > u.bbox.left + u.bbox.width + 1) return null;
    stretch(u, x, u.bbox.top, x, u.bbox.top + u.bbox.height, stroke, width, dash);
    return x;
  }

  function stretch(u, x0, y0, x1, y1, stroke, width, dash) {
    const { ctx } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    ctx.strokeStyle = stroke;
    ctx.lineWidth = width * devicePixelRatio;
    ctx.setLineDash((dash || []).map(d => d * devicePixelRatio));
    ctx.beginPath();
    ctx.moveTo(x0, y0);
    ctx.lineTo(x1, y1);
    ctx.stroke();
    ctx.restore();
  }

  const tint = mark => mark.kind === "anomaly" ? "anomaly" : "forecast";

  // What lies behind the lines: where nothing was measured or scored, and while which warning was open.
  function behind(view, others) {
    return u => {
      u.ctx.save();
      for (const [from, to, code] of view.spans)
        code === GAP ? hatch(u, from, to, colour("gap")) : shade(u, from, to, colour("learning"));
      for (const [from, to] of others ? view.others : []) shade(u, from, to, colour("learning"));
      for (const mark of view.marks) shade(u, mark.opened, mark.closed == null ? view.to : mark.closed, colour(tint(mark) + "-soft"));
      u.ctx.restore();
    };
  }

  // Openings with their numbers, and crossings; a number that would stand on another one is left out, its line is not.
  function before(view, numbered) {
    return u => {
      const { ctx, bbox } = u, size = 12 * devicePixelRatio;
      let free = -Infinity;
      for (const t of view.crossings) upright(u, t, colour("limit"), 2.5);
      for (const mark of view.marks) {
        const x = upright(u, mark.opened, colour(tint(mark)), 1.25);
        if (mark.closed != null) upright(u, mark.closed, colour(tint(mark)), 1, [2, 3]);
        if (x == null || !numbered || x < free) continue;
        ctx.save();
        ctx.font = `600 ${size}px system-ui, sans-serif`;
        ctx.textAlign = "left";
        ctx.textBaseline = "top";
        const wide = ctx.measureText(mark.n).width + size * 0.6;
        const left = Math.min(x, bbox.left + bbox.width - wide);
        ctx.fillStyle = colour(tint(mark));
        ctx.fillRect(left, bbox.top, wide, size * 1.4);
        ctx.fillStyle = colour("paper");
        ctx.fillText(mark.n, left + size * 0.3, bbox.top + size * 0.25);
        ctx.restore();
        free = left + wide + 2 * devicePixelRatio;
      }
    };
  }

  // On the limit: the interval of the crossing as it was told when the warning opened, with the expected time as a dot.
  function promises(view) {
    return u => {
      for (const mark of view.marks) {
        if (!mark.first || mark.at_limit == null || !view.limit_drawn) continue;
        const y = u.valToPos(mark.at_limit, "y", true), [a, x, b] = mark.first.map(t => u.valToPos(t, "x", true));
        stretch(u, a, y, b, y, colour("forecast"), view.marks.length > 8 ? 2 : 4);
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
        u.ctx.save();
        u.ctx.fillStyle = colour("forecast");
        u.ctx.beginPath();
        u.ctx.arc(x, y, (view.marks.length > 8 ? 3 : 5) * devicePixelRatio, 0, 2 * Math.PI);
        u.ctx.fill();
        u.ctx.restore();
      }
    };
  }

  function base(view, place, width) {
    return {
      width, height: HEIGHTS[place], ms: 1, padding: [8, 12, 0, 0], legend: { live: true },
      cursor: { sync: { key: "story" }, drag: { x: true, y: false } }, scales: { x: { time: false, range: (u, a, b) => ranged(view, a, b) } },
    };
  }

  // All pictures of a view show the same time, with room for the crossing that was told.
  function ranged(view, a, b) {
    return a <= view.t[0] && b >= view.t[view.t.length - 1] ? [view.from, view.end] : [a, b];
  }

  function ahead(view) {
    const told = view.marks.filter(m => m.first && m.opened <= view.to).map(m => m.first[1]);
    return Math.max(view.to, Math.min(Math.max(view.to, ...told), view.to + 0.2 * (view.to - view.from)));
  }

  function values(view, width) {
    const series = [clock, line("usual from", colour("usual"), { width: 0.4 }), line("to", colour("usual"), { width: 0.4 }),
      line("expected", colour("usual"), { dash: DASH }), line("measured", colour("value"), { width: 1.25 })];
    const data = [view.t, view.low, view.high, view.expected, view.value];
    if (view.limit) {
      series.push(line("limit", colour("limit"), { width: 2, paths: stepped }));
      data.push(view.limit);
    }
    return new uPlot({
      ...base(view, "values", width), series, axes: [timeAxis(width), numberAxis()], bands: [{ series: [2, 1], fill: colour("band") }],
      scales: { ...base(view, "values", width).scales, y: { range: () => view.y } },
      hooks: { drawClear: [behind(view)], draw: [promises(view), before(view, true)] },
    }, data, document.getElementById("values"));
  }

  function toldRange(view) {
    const seen = view.told.flat().filter(t => t != null).sort((a, b) => a - b);
    const most = seen[Math.floor(0.98 * (seen.length - 1))];
    const low = Math.min(seen[0], ...view.crossings, ...view.marks.filter(m => m.first).map(m => m.opened).filter(t => t >= view.from));
    const high = Math.max(most, ...view.crossings.filter(t => t <= view.end));
    const room = 0.06 * (high - low) || HOUR;
    return [low - room, high + room];
  }

  function told(view, width) {
    const dated = more => ({ value: (u, v) => full(v), ...more });
    const series = [clock, line("earliest", colour("forecast"), dated({ width: 0.5 })), line("latest", colour("forecast"), dated({ width: 0.5 })),
      line("expected", colour("forecast"), dated({ width: 2 }))];
    const axis = { ...numberAxis(), incrs: STEPS, space: 30, size: LEFT, values: (u, splits) => times(splits) };
    const truth = u => {
      const [low, high] = [u.scales.x.min, u.scales.x.max];
      const at = (x, y) => [u.valToPos(x, "x", true), u.valToPos(y, "y", true)];
      stretch(u, ...at(low, low), ...at(high, high), colour("ink"), 1, [2, 4]);
      for (const t of view.crossings) stretch(u, ...at(low, t), ...at(t, t), colour("limit"), 2, DASH);
    };
    return new uPlot({
      ...base(view, "told", width), series, axes: [timeAxis(width), axis], bands: [{ series: [2, 1], fill: colour("forecast-soft") }],
      scales: { ...base(view, "told", width).scales, y: { time: false, range: () => toldRange(view) } },
      hooks: { drawClear: [behind({ ...view, marks: [] })], draw: [truth, before(view, false)] },
    }, [view.t, view.told[0], view.told[2], view.told[1]], document.getElementById("told"));
  }

  function score(view, width) {
    const most = Math.max(...view.threshold.map(x => 1.4 * x), ...view.score.filter(x => x != null), ...view.own.filter(x => x != null));
    const series = [clock, line("this metric", colour("usual")), line("its entity", colour("anomaly"), { width: 1.25 }),
      line("threshold", colour("limit"), { dash: DASH, width: 1.25, paths: stepped })];
    return new uPlot({
      ...base(view, "score", width), series, axes: [timeAxis(width), numberAxis()],
      scales: { ...base(view, "score", width).scales, y: { range: () => [0, 1.05 * most] } },
      hooks: { drawClear: [behind({ ...view, marks: view.marks.filter(m => m.kind === "anomaly") }, true)] },
    }, [view.t, view.own, view.score, view.threshold], document.getElementById("score"));
  }

  function draw() {
    for (const plot of plots) plot.destroy();
    const view = story.views[now], width = Math.floor(document.getElementById("values").clientWidth);
    view.end = ahead(view);
    plots = [values(view, width), score(view, width)];
    const place = document.getElementById("told");
    if (place) {
      place.textContent = view.told ? "" : "No crossing was told in this part.";
      if (view.told) plots.push(told(view, width));
    }
    for (const button of document.querySelectorAll("button[data-view]"))
      button.setAttribute("aria-pressed", String(Number(button.dataset.view) === now));
    document.body.dataset.drawn = String(now);
  }

  for (const button of document.querySelectorAll("button[data-view]"))
    button.addEventListener("click", () => {
      now = Number(button.dataset.view);
      draw();
      if (button.closest("table")) document.getElementById("views").scrollIntoView();
    });
  let wide = 0;
  new ResizeObserver(() => {
    const width = document.getElementById("values").clientWidth;
    if (width === wide) return;
    wide = width;
    draw();
  }).observe(document.getElementById("values"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
