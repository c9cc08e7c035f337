NEURON {
    POINT_PROCESS LIVN_MECHANISM
    NONSPECIFIC_CURRENT i
    RANGE m_soma
    RANGE h_soma
    RANGE n_soma
    RANGE g_e_soma
    RANGE g_i_soma
    RANGE A_AMPA_soma
    RANGE B_AMPA_soma
    RANGE eta_e_soma
    RANGE eta_i_soma
    RANGE v_before
    RANGE v_earlier
    RANGE phase
    RANGE wait
    RANGE G_soma
    RANGE I_soma
    RANGE E_K_soma
    RANGE E_Na_soma
    RANGE E_e_soma
    RANGE E_i_soma
    RANGE V_threshold_
    RANGE area_soma
    RANGE e_AMPA_soma
    RANGE e_pas_soma
    RANGE g_K_soma
    RANGE g_Na_soma
    RANGE g_e0_soma
    RANGE g_i0_soma
    RANGE g_pas_soma
    RANGE k0_
    RANGE k1_
    RANGE k2_
    RANGE k3_
    RANGE k4_
    RANGE k5_
    RANGE k6_
    RANGE k7_
    RANGE k8_
    RANGE refractory_steps_
    RANGE solves_
    RANGE arrived_2
    RANGE increment_2_0
    RANGE fired
}

ASSIGNED {
    v (millivolt)
    i (nanoamp)
    slope
    v_middle
    free_
    below
    m_soma
    h_soma
    n_soma
    g_e_soma
    g_i_soma
    A_AMPA_soma
    B_AMPA_soma
    eta_e_soma
    eta_i_soma
    v_before
    v_earlier
    phase
    wait
    G_soma
    I_soma
    E_K_soma
    E_Na_soma
    E_e_soma
    E_i_soma
    V_threshold_
    area_soma
    e_AMPA_soma
    e_pas_soma
    g_K_soma
    g_Na_soma
    g_e0_soma
    g_i0_soma
    g_pas_soma
    k0_
    k1_
    k2_
    k3_
    k4_
    k5_
    k6_
    k7_
    k8_
    refractory_steps_
    solves_
    arrived_2
    increment_2_0
    fired
}

BEFORE BREAKPOINT {
    LOCAL a0_, a1_, a2_, a3_, new_m_soma, a4_, a5_, a6_, new_h_soma, a7_, a8_, a9_, new_n_soma, new_g_e_soma, new_g_i_soma, new_A_AMPA_soma, new_B_AMPA_soma
    phase = phase + 1
    if (phase == 1) {
        free_ = wait <= 0
        if (wait > 0) { wait = wait - 1 }
        below = v < V_threshold_
        a0_ = v/10
        a1_ = 1.0/exprel(-a0_ - 4)
        a2_ = a1_ + 4*exp(-v/18 - 3.611111111111111)
        a3_ = a1_/a2_
        new_m_soma = a3_ + (-a3_ + m_soma)*exp(a2_*k0_)
        a4_ = 0.07*exp(-v/20 - 3.25)
        a5_ = a4_ + (1/(exp(-a0_ - 3.5) + 1))
        a6_ = a4_/a5_
        new_h_soma = a6_ + (-a6_ + h_soma)*exp(a5_*k0_)
        a7_ = 0.1/exprel(-a0_ - 5.5)
        a8_ = a7_ + 0.125*exp(-v/80 - 0.8125)
        a9_ = a7_/a8_
        new_n_soma = a9_ + (-a9_ + n_soma)*exp(a8_*k0_)
        new_g_e_soma = eta_e_soma*k3_ + g_e0_soma + k1_*(g_e_soma + k2_)
        new_g_i_soma = eta_i_soma*k6_ + g_i0_soma + k4_*(g_i_soma + k5_)
        new_A_AMPA_soma = A_AMPA_soma*k7_
        new_B_AMPA_soma = B_AMPA_soma*k8_
        m_soma = new_m_soma
        h_soma = new_h_soma
        n_soma = new_n_soma
        g_e_soma = new_g_e_soma
        g_i_soma = new_g_i_soma
        A_AMPA_soma = new_A_AMPA_soma
        B_AMPA_soma = new_B_AMPA_soma
    }
    v_middle = 1.875*v - 1.25*v_before + 0.375*v_earlier
    v_earlier = v_before
    v_before = v
}

BREAKPOINT {
    LOCAL z0_, z1_, z2_, z3_, z4_, z5_
    CONDUCTANCE slope
    z0_ = relu(g_e_soma)
    z1_ = -v
    z2_ = relu(g_i_soma)
    z3_ = g_K_soma*power4(n_soma)
    z4_ = g_Na_soma*h_soma*power3(m_soma)
    z5_ = 0.01*area_soma
    slope = -A_AMPA_soma + B_AMPA_soma + G_soma + z0_ + z2_ + z5_*(g_pas_soma + z3_ + z4_)
    i = G_soma*v - I_soma + z0_*(-E_e_soma - z1_) + z2_*(-E_i_soma - z1_) + z5_*(g_pas_soma*(v - e_pas_soma) + z3_*(-E_K_soma - z1_) + z4_*(-E_Na_soma - z1_)) + (-A_AMPA_soma + B_AMPA_soma)*(v - e_AMPA_soma)
}

AFTER SOLVE {
    if (phase == solves_) {
        phase = 0
        fired = 0
        if (v >= V_threshold_ && free_ > 0.5 && below > 0.5) {
            fired = 1
            wait = refractory_steps_
        }
        A_AMPA_soma = A_AMPA_soma + arrived_2*increment_2_0
        B_AMPA_soma = B_AMPA_soma + arrived_2*increment_2_0
        arrived_2 = 0
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
