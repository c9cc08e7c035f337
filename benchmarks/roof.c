/* Izhikevich cells with AMPA, NMDA and GABA_A receptors, one hand-written loop.

The roof for benchmarks/roof.py: the step of livn/models/scheme.py for this one model, arrays of
float64, no noise, no synapses, no recording. Not part of livn. */

#include <stdint.h>
#include <string.h>

#define LN2_HIGH 0x1.62e42fefa0000p-1
#define LN2_LOW 0x1.cf79abc9e3b3ap-40

typedef struct {
    double h, b, c, d, threshold, current; /* ms, 1, mV, mV/ms, mV, nA */
    double relax;                             /* 1 - exp(-a h) */
    double capacitance;                       /* nF */
    double decay[6];                          /* of A and B of AMPA, NMDA, GABA_A in one step */
    double mg, gamma;                         /* mM / Kd, 1/mV */
    double e_inhibition;                      /* mV */
} constants;

/* e to the x for |x| < 700: x = k ln 2 + r and a polynomial of r (Taylor, |r| < 0.35). */
static inline double parts(double x, double *power)
{
    double k = x * 1.4426950408889634 + 0x1.8p52;
    double n = k - 0x1.8p52;
    double r = (x - n * LN2_HIGH) - n * LN2_LOW, p = 1.0 / 6227020800;
    uint64_t bits;
    memcpy(&bits, &k, 8);
    bits = (bits << 52) + 0x3FF0000000000000u;
    memcpy(power, &bits, 8);
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    return r + r * r * p;
}

static inline double exponential(double x)
{
    double power, rest = parts(x, &power);
    return power + power * rest;
}

/* (e**x - 1)/x */
static inline double exprel(double x)
{
    x = x == 0.0 ? 1e-300 : x;
    double power, rest = parts(x, &power);
    return (rest * power + (power - 1.0)) / x;
}

/* Takes n_steps with n cells; every state is an array of n. Returns the number of spikes. */
long advance(const constants *given, long n, long n_steps, double *restrict v, double *restrict u,
             double *restrict ampa_a, double *restrict ampa_b, double *restrict nmda_a,
             double *restrict nmda_b, double *restrict gaba_a, double *restrict gaba_b)
{
    const constants own = *given, *k = &own;
    long spikes = 0;
    for (long step = 0; step < n_steps; step++) {
        for (long i = 0; i < n; i++) {
            double V = v[i], U = u[i] + k->relax * (k->b * V - u[i]);
            ampa_a[i] *= k->decay[0];
            ampa_b[i] *= k->decay[1];
            nmda_a[i] *= k->decay[2];
            nmda_b[i] *= k->decay[3];
            gaba_a[i] *= k->decay[4];
            gaba_b[i] *= k->decay[5];
            double ampa = ampa_b[i] - ampa_a[i], nmda = nmda_b[i] - nmda_a[i];
            double gaba = gaba_b[i] - gaba_a[i];
            double blocked = k->mg * exponential(-k->gamma * V);
            double open = 1.0 / (1.0 + blocked);
            double flow = 1e-3 * (0.04 * V * V + 5 * V + 140 - U) + k->current - ampa * V
                          - nmda * open * V - gaba * (V - k->e_inhibition);
            double slope = 1e-3 * (0.08 * V + 5) - ampa - gaba
                           - nmda * open * (1.0 + k->gamma * blocked * open * V);
            double rate = k->h / k->capacitance;
            V += rate * flow * exprel(rate * slope);
            long fired = V >= k->threshold;
            v[i] = fired ? k->c : V;
            u[i] = fired ? U + k->d : U;
            spikes += fired;
        }
    }
    return spikes;
}
