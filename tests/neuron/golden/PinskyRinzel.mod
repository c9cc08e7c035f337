NEURON {
    POINT_PROCESS LIVN_MECHANISM
    NONSPECIFIC_CURRENT i
    RANGE h_Na_soma
    RANGE n_KDR_soma
    RANGE g_i_soma
    RANGE eta_i_soma
    RANGE v_before
    RANGE v_earlier
    RANGE phase
    RANGE wait
    RANGE G_soma
    RANGE I_soma
    RANGE E_K_
    RANGE E_Na_
    RANGE E_i_soma
    RANGE V_threshold_
    RANGE area_soma
    RANGE e_pas_soma
    RANGE g_KDR_soma
    RANGE g_Na_soma
    RANGE g_i0_soma
    RANGE g_pas_soma
    RANGE k0_
    RANGE k1_
    RANGE k2_
    RANGE k3_
    RANGE refractory_steps_
    RANGE solves_
    RANGE fired
}

ASSIGNED {
    v (millivolt)
    i (nanoamp)
    slope
    v_middle
    free_
    below
    h_Na_soma
    n_KDR_soma
    g_i_soma
    eta_i_soma
    v_before
    v_earlier
    phase
    wait
    G_soma
    I_soma
    E_K_
    E_Na_
    E_i_soma
    V_threshold_
    area_soma
    e_pas_soma
    g_KDR_soma
    g_Na_soma
    g_i0_soma
    g_pas_soma
    k0_
    k1_
    k2_
    k3_
    refractory_steps_
    solves_
    fired
}

BEFORE BREAKPOINT {
    LOCAL a0_, a1_, a2_, a3_, new_h_Na_soma, a4_, a5_, a6_, new_n_KDR_soma, new_g_i_soma
    phase = phase + 1
    if (phase == 1) {
        free_ = wait <= 0
        if (wait > 0) { wait = wait - 1 }
        below = v < V_threshold_
        a0_ = 0.128*exp(-v/18 - 2.388888888888889)
        a1_ = v/5
        a2_ = a0_ + 4/(exp(-a1_ - 4) + 1)
        a3_ = a0_/a2_
        new_h_Na_soma = a3_ + (-a3_ + h_Na_soma)*exp(a2_*k0_)
        a4_ = 0.08/exprel(-a1_ - 4.98)
        a5_ = a4_ + 0.25*exp(-0.025*v - 1)
        a6_ = a4_/a5_
        new_n_KDR_soma = a6_ + (-a6_ + n_KDR_soma)*exp(a5_*k0_)
        new_g_i_soma = eta_i_soma*k3_ + g_i0_soma + k1_*(g_i_soma + k2_)
        h_Na_soma = new_h_Na_soma
        n_KDR_soma = new_n_KDR_soma
        g_i_soma = new_g_i_soma
    }
    v_middle = 1.875*v - 1.25*v_before + 0.375*v_earlier
    v_earlier = v_before
    v_before = v
}

BREAKPOINT {
    LOCAL z0_, z1_, z2_, z3_, z4_, z5_
    CONDUCTANCE slope
    z0_ = relu(g_i_soma)
    z1_ = -v
    z2_ = g_KDR_soma*n_KDR_soma
    z3_ = exprel(-v_middle/4 - 11.725)
    z4_ = 1.6384*g_Na_soma*h_Na_soma/(power2(z3_)*power2(1.4000000000000001/exprel(v_middle/5 + 3.98) + 1.28/z3_))
    z5_ = 0.01*area_soma
    slope = G_soma + z0_ + z5_*(g_pas_soma + z2_ + z4_)
    i = G_soma*v - I_soma + z0_*(-E_i_soma - z1_) + z5_*(g_pas_soma*(v - e_pas_soma) + z2_*(-E_K_ - z1_) + z4_*(-E_Na_ - z1_))
}

AFTER SOLVE {
    if (phase == solves_) {
        phase = 0
        fired = 0
        if (v >= V_threshold_ && free_ > 0.5 && below > 0.5) {
            fired = 1
            wait = refractory_steps_
        }
    }
}

FUNCTION power2(x) {
    power2 = x*x
}

FUNCTION power3(x) {
    power3 = x*x*x
}

FUNCTION power4(x) {
    power4 = x*x*x*x
}

FUNCTION exprel(x) {
    if (x == 0) {
        exprel = 1
    } else if (fabs(x) < 1) {
        exprel = exp(0.5*x)*sinh(0.5*x)/(0.5*x)
    } else {
        exprel = (exp(x) - 1)/x
    }
}

FUNCTION dexprel(x) {
    LOCAL term
    if (fabs(x) < 0.3) {
        term = 0.5
        dexprel = 0.5
        FROM k = 1 TO 11 {
            term = term*x/(k + 2)
            dexprel = dexprel + term*(k + 1)
        }
    } else {
        dexprel = (exp(x)*(x - 1) + 1)/(x*x)
    }
}

FUNCTION relu(x) {
    if (x > 0) {
        relu = x
    } else {
        relu = 0
    }
}

FUNCTION choose(condition, then, otherwise) {
    if (condition > 0.5) {
        choose = then
    } else {
        choose = otherwise
    }
}

NEURON {
    POINT_PROCESS LIVN_MECHANISM
    NONSPECIFIC_CURRENT i
    RANGE s_Ca_dend
    RANGE c_KC_dend
    RANGE g_e_dend
    RANGE Ca_dend
    RANGE q_AHP_dend
    RANGE eta_e_dend
    RANGE v_before
    RANGE v_earlier
    RANGE phase
    RANGE G_dend
    RANGE I_dend
    RANGE E_Ca_dend
    RANGE E_K_
    RANGE E_e_dend
    RANGE area_dend
    RANGE e_pas_dend
    RANGE g_AHP_dend
    RANGE g_Ca_dend
    RANGE g_KC_dend
    RANGE g_e0_dend
    RANGE g_pas_dend
    RANGE k0_
    RANGE k10_
    RANGE k11_
    RANGE k4_
    RANGE k5_
    RANGE k6_
    RANGE k7_
    RANGE k8_
    RANGE k9_
    RANGE refractory_steps_
    RANGE solves_
    RANGE fired
}

ASSIGNED {
    v (millivolt)
    i (nanoamp)
    slope
    v_middle
    free_
    below
    s_Ca_dend
    c_KC_dend
    g_e_dend
    Ca_dend
    q_AHP_dend
    eta_e_dend
    v_before
    v_earlier
    phase
    G_dend
    I_dend
    E_Ca_dend
    E_K_
    E_e_dend
    area_dend
    e_pas_dend
    g_AHP_dend
    g_Ca_dend
    g_KC_dend
    g_e0_dend
    g_pas_dend
    k0_
    k10_
    k11_
    k4_
    k5_
    k6_
    k7_
    k8_
    k9_
    refractory_steps_
    solves_
    fired
}

BEFORE BREAKPOINT {
    LOCAL a7_, a8_, a9_, new_s_Ca_dend, a10_, new_c_KC_dend, new_g_e_dend, a15_, new_Ca_dend, a11_, a16_, a12_, a13_, a14_, new_q_AHP_dend
    phase = phase + 1
    if (phase == 1) {
        a7_ = 1.6/(1 + 1.4333294145603401*exp(-0.072*v))
        a8_ = a7_ + 0.1/exprel(v/5 + 1.7800000000000002)
        a9_ = a7_/a8_
        new_s_Ca_dend = a9_ + (-a9_ + s_Ca_dend)*exp(a8_*k0_)
        a10_ = choose(v <= -10, 0.026350461133069828*exp(v/11 + 4.545454545454546), 1)
        new_c_KC_dend = a10_ + (-a10_ + c_KC_dend)*exp(k4_*exp(-v/27))
        new_g_e_dend = eta_e_dend*k7_ + g_e0_dend + k5_*(g_e_dend + k6_)
        a15_ = new_s_Ca_dend/2 + s_Ca_dend/2
        new_Ca_dend = Ca_dend + k8_*(Ca_dend*k9_ + power2(a15_)*k10_*(v + k11_))
        a11_ = 1e-05*Ca_dend + 1e-05*new_Ca_dend
        a16_ = a11_ - 0.01
        a12_ = a11_ - relu(a16_)
        a13_ = a12_ + 0.001
        a14_ = a12_/a13_
        new_q_AHP_dend = a14_ + (-a14_ + q_AHP_dend)*exp(a13_*k0_)
        s_Ca_dend = new_s_Ca_dend
        c_KC_dend = new_c_KC_dend
        g_e_dend = new_g_e_dend
        Ca_dend = new_Ca_dend
        q_AHP_dend = new_q_AHP_dend
    }
    v_middle = 1.875*v - 1.25*v_before + 0.375*v_earlier
    v_earlier = v_before
    v_before = v
}

BREAKPOINT {
    LOCAL z0_, z1_, z2_, z3_, z4_, z5_, z6_, z7_
    CONDUCTANCE slope
    z0_ = relu(g_e_dend)
    z1_ = -v
    z2_ = -E_K_ - z1_
    z3_ = g_AHP_dend*q_AHP_dend
    z4_ = g_Ca_dend*power2(s_Ca_dend)
    z5_ = Ca_dend/250
    z6_ = c_KC_dend*g_KC_dend*(z5_ - relu(z5_ - 1))
    z7_ = 0.01*area_dend
    slope = G_dend + z0_ + z7_*(g_pas_dend + z3_ + z4_ + z6_)
    i = G_dend*v - I_dend + z0_*(-E_e_dend - z1_) + z7_*(g_pas_dend*(v - e_pas_dend) + z2_*z3_ + z2_*z6_ + z4_*(-E_Ca_dend - z1_))
}

AFTER SOLVE {
    if (phase == solves_) {
        phase = 0
    }
}

FUNCTION power2(x) {
    power2 = x*x
}

FUNCTION power3(x) {
    power3 = x*x*x
}

FUNCTION power4(x) {
    power4 = x*x*x*x
}

FUNCTION exprel(x) {
    if (x == 0) {
        exprel = 1
    } else if (fabs(x) < 1) {
        exprel = exp(0.5*x)*sinh(0.5*x)/(0.5*x)
    } else {
        exprel = (exp(x) - 1)/x
    }
}

FUNCTION dexprel(x) {
    LOCAL term
    if (fabs(x) < 0.3) {
        term = 0.5
        dexprel = 0.5
        FROM k = 1 TO 11 {
            term = term*x/(k + 2)
            dexprel = dexprel + term*(k + 1)
        }
    } else {
        dexprel = (exp(x)*(x - 1) + 1)/(x*x)
    }
}

FUNCTION relu(x) {
    if (x > 0) {
        relu = x
    } else {
        relu = 0
    }
}

FUNCTION choose(condition, then, otherwise) {
    if (condition > 0.5) {
        choose = then
    } else {
        choose = otherwise
    }
}
