// The picture of an episode with a cursor that tells numbers; without this script the picture of the server stands in its place.
(function () {
  "use strict";

  var HIGH = 280, KEYS = ["values", "low", "high", "mean", "lower", "upper"], ROOMY = 600;
  var DAY = "\n{D} {MMM}";
  var TIMES = [[2419200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1], [86400, "{D} {MMM}", null, null, null, null, null, null, 1],
    [60, "{HH}:{mm}", DAY, null, DAY, null, null, null, 1], [1, "{HH}:{mm}:{ss}", DAY, null, DAY, null, null, null, 1]];

  function color(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  // how a number is shown, from the sizes that the server tells of its unit: [from which on, divided by, what stands behind]
  function said(scales) {
    return function (value) {
      if (value === null || value === undefined) return "";
      var scale = scales.filter(function (one) { return Math.abs(value) >= one[0]; }).pop(), shown = value / scale[1];
      var most = Math.abs(shown) >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 };
      return shown.toLocaleString("en", most) + scale[2];
    };
  }

  // steps of the axis that are round in those sizes
  function round(scales) {
    var out = [];
    scales.forEach(function (scale, i) {
      for (var power = i ? 0 : -9; power < 15; power += 1) [1, 2, 5].forEach(function (first) {
        var step = first * Math.pow(10, power) * scale[1];
        if (i + 1 < scales.length && step >= scales[i + 1][1]) return;
        if (!out.length || step > out[out.length - 1]) out.push(step);
      });
    });
    return out;
  }

  // both stretches on one axis: what was measured, then what lies ahead
  function joined(data) {
    var at = data.time_s.concat(data.ahead_s), rows = [at];
    var past = data.time_s.map(function () { return null; }), ahead = data.ahead_s.map(function () { return null; });
    KEYS.forEach(function (key, i) { rows.push(i < 3 ? data[key].concat(ahead) : past.concat(data[key])); });
    rows.push(at.map(function () { return data.limit; }));
    return rows;
  }

  function marks(data) {
    return function (u) {
      var c = u.ctx, ratio = devicePixelRatio || 1;
      c.save();
      function line(at, stroke, dash, word) {
        var x = Math.round(u.valToPos(at, "x", true));
        if (at === null || x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
        c.strokeStyle = stroke; c.lineWidth = ratio; c.setLineDash(dash);
        c.beginPath(); c.moveTo(x, u.bbox.top); c.lineTo(x, u.bbox.top + u.bbox.height); c.stroke();
        c.fillStyle = color("--ink"); c.font = 12 * ratio + "px system-ui, sans-serif";
        var left = x > u.bbox.left + 0.7 * u.bbox.width;
        c.textAlign = left ? "right" : "left";
        c.fillText(word, x + (left ? -4 : 4) * ratio, u.bbox.top + (word === "now" ? 26 : 12) * ratio);
      }
      line(data.opened_s, color("--ink"), [2 * ratio, 3 * ratio], "warned");
      if (data.ahead_s.length) line(data.time_s[data.time_s.length - 1], color("--ink"), [], "now");
      line(data.failed_s, color("--limit"), [], "it came");
      if (data.crossing_s && data.limit !== null) {
        var y = u.valToPos(data.limit, "y", true), from = u.bbox.left, to = from + u.bbox.width;
        var x = data.crossing_s.map(function (at) { return Math.min(Math.max(u.valToPos(at, "x", true), from), to); });
        c.fillStyle = color("--ahead"); c.globalAlpha = 0.75;
        c.fillRect(x[0], y - 4 * ratio, Math.max(x[2] - x[0], 3), 8 * ratio);
        c.globalAlpha = 1; c.setLineDash([]);
        c.beginPath(); c.arc(x[1], y, 6 * ratio, 0, 7); c.fill();
      }
      c.restore();
    };
  }

  function options(data, wide) {
    var tell = said(data.scales), none = { show: false };
    function row(label, stroke, more) {
      return Object.assign({ label: label, stroke: color(stroke), width: 1.5, points: none, value: function (u, v) { return v === null ? "-" : tell(v); } }, more);
    }
    var edge = { width: 0 }, dash = { dash: [5, 4], width: 2 };
    var axis = { stroke: color("--ink"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line") } };
    return {
      width: wide, height: HIGH, legend: { show: wide >= ROOMY }, cursor: { drag: { x: true, y: false } },
      scales: { x: { time: true }, y: { range: function (u, low, high) { var room = 0.06 * (high - low || Math.abs(high) || 1); return [low - room, high + room]; } } },
      axes: [Object.assign({ values: TIMES }, axis), Object.assign({ size: 62, incrs: round(data.scales), values: function (u, all) { return all.map(tell); } }, axis)],
      series: [{ label: "at", value: "{D} {MMM} {HH}:{mm}" }, row("measured", "--value", { spanGaps: false }), row("usual from", "--accent", edge), row("usual to", "--accent", edge),
        row("expected", "--ahead", dash), row("at least", "--ahead", edge), row("at most", "--ahead", edge), row("limit", "--limit", { dash: [6, 4] })],
      bands: [{ series: [3, 2], fill: color("--band") }, { series: [6, 5], fill: color("--cone") }], hooks: { draw: [marks(data)] },
    };
  }

  function known(rows, i) { return rows[i].some(function (value) { return value !== null; }); }

  function draw(figure) {
    var data = JSON.parse(figure.getAttribute("data-plot")), rows = joined(data), box = document.createElement("div");
    var all = options(data, figure.clientWidth);
    var there = rows.map(function (row, i) { return i; }).filter(function (i) { return i < 2 || known(rows, i); });
    all.bands = all.bands.filter(function (one) { return one.series.every(function (i) { return there.includes(i); }); })
      .map(function (one) { return { series: one.series.map(function (i) { return there.indexOf(i); }), fill: one.fill }; });
    all.series = there.map(function (i) { return all.series[i]; });
    rows = there.map(function (i) { return rows[i]; });
    box.className = "drawn";
    box.setAttribute("aria-hidden", "true"); // the picture of the server says it in words
    figure.prepend(box);
    var chart = new uPlot(all, rows, box);
    figure.setAttribute("data-drawn", "");
    performance.mark("drawn");
    var zone = figure.querySelector(".zone");
    if (zone) zone.textContent = "times in " + (Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
    new ResizeObserver(function () { if (figure.isConnected && figure.clientWidth) chart.setSize({ width: figure.clientWidth, height: HIGH }); }).observe(figure);
    return chart;
  }

  window.aiopsPlots = function (root) {
    if (!window.uPlot) return;
    root.querySelectorAll("figure[data-plot]:not([data-drawn])").forEach(draw);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    document.querySelectorAll("figure[data-drawn]").forEach(function (figure) {
      figure.querySelector(".drawn").remove();
      figure.removeAttribute("data-drawn");
      draw(figure);
    });
  });
})();
